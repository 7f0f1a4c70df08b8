"""The demo: real servers, a pretend AWS and a sample company. Never part of a deployment."""
