"""What the panel asks of the tables and gives out of them; its views are in admin.py."""
