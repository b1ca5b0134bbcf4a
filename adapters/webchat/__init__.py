"""The local chat page: Web Chat in a browser, and the small part of Direct Line and of a connector that it needs."""
