//! The commands that read a FILE as they read an account of a STORE.
#![cfg(feature = "cli")]
