"""JavaScript and CSS of others that the page holds, with their licences (README.md)."""
