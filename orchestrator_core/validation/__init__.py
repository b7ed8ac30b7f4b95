"""Marshmallow fields that the settings and all versions of the API share."""
