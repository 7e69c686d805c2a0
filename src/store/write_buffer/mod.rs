//! Storage that buffers the database's writes, page by page in no order, until they are synced, and
//! carries them out in the order of the file, many neighbours as one: so a large transaction costs
//! the system a fraction of the calls. Nothing is promised by a write before its sync, so what may
//! be on the disk after a crash is what may be there without this.

mod backend;
mod batch;

pub(crate) use backend::BufferedBackend;
