//! The JSON form of the data model.
