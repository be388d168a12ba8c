"""The door that speaks the Liquid Decisions API: everything under /ls/api."""
