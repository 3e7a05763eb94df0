"""The configuration: its keys and defaults, how files and commands set them, and its checks.

keys/       every key, with its default, meaning and limits
schema      the conversion of a value to the type of its key
yaml_files  reading YAML files
merge       setting keys from files and commands
readers     whether a run reads a key
provenance  which file or command set a key
checks      the mechanism of checks; checks_*.py have the checks, one file for each topic
defaults    ``get_cfg`` and ``assert_and_infer_cfg``
explain     the text of ``--keys``
"""
