/// What a method of a trait takes that no other crate may implement: its module is private, so the
/// type cannot be named outside of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Sealed;
