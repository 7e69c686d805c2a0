//! DRISL, the strict CBOR of the data model.
