//! Tests of the grammar as a whole: its help texts, and the page that describes it.

#[path = "../../../tests/common/cli_page.rs"]
mod cli_page;
mod contract;
mod grammar;
mod help;
mod synopsis;
