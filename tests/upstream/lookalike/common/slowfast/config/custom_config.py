"""Users add their own keys here."""


def add_custom_config(_C):
    pass
