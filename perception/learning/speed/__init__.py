"""How long DKT takes and what memory, beside the plain pipeline of its classes: `python main.py bench dkt`."""
