/// An argument type that other crates cannot name, because its module is private. A trait method
/// with it cannot be implemented outside this crate.
#[derive(Clone, Copy, Debug)]
pub struct Sealed;
