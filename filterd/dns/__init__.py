"""dns - questions and answers: the only door to dnspython."""
