"""Stand-ins for what upstream imports and current packages lack.

A stand-in is used only where the real thing is missing, and exists in memory only. No installed
package is changed, and a newer package that has the thing again is used at once. There are two
kinds:

- Whole modules, such as detectron2, are made by a finder that Python asks last (`finder`).
- Names that a module lacks, such as numpy's old aliases, are added to it (`install`).

docs/DROP_IN.md says until when each stand-in is needed.
"""
