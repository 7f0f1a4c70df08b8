"""Anomalies: days on which a service of an account cost far more than is usual there.

detection  what is usual, and what is far more: arithmetic, no database
services   the only writer: finding, updating, withdrawing, dismissing
reports    what the pages and the API read, with the resources behind an anomaly
"""
