"""Every configuration key: its default (keys/), its type (schema), its source (provenance),
how files and commands set it (merge), and which settings make no sense together (checks)."""
