"""Budgets: what a part of the costs may come to in a period, and telling people when it does not.

periods   months, quarters and years
inputs    what people enter, checked the same way for the form and the API
figures   what a budget's periods came to, and where the present one leads
forecast  where it leads
services  the only writer of budgets and of what they came to
notices   sending alerts: letters and webhooks, each once
webhooks  one signed request to an address that somebody else typed
reports   what the pages and the API read
"""
