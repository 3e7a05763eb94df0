"""Where users add keys of their own."""


def add_custom_config(_C):
    pass
