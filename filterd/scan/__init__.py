"""scan - plan, conversation, policy: from evidence to one verdict."""
