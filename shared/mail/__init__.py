"""Mails about the end of a job: what they tell, how they look, and the way to a mail server or a folder."""
