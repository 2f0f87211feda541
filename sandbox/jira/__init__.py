"""A Jira Cloud stand-in: REST v3 as a connector meets it, one site or several behind a prefix."""
