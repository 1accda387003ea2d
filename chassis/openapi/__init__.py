"""The OpenAPI 3.1 document and the reference of errors and events, generated from the contract."""
