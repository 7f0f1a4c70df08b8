"""Savings Plans and Reserved Instances: how well they cover, and how well they are used."""
