"""The door that speaks the published Datastore imports API."""
