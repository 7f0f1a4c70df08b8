"""Tag coverage: how much of the spend carries which cost allocation tag."""
