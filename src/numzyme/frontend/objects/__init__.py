"""Users' objects in compiled code: their types, attributes, operators, and how they are built from flat arguments."""
