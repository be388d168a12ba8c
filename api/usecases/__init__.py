"""Verbs that both doors and the command line share. No HTTP here."""
