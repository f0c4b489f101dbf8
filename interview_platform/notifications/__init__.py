"""Messages to people by e-mail and SMS, from the transaction that causes one to its delivery."""
