"""A stand-in for one Salesforce org: OAuth, SOQL, describe and records over the REST API's own wire contract."""
