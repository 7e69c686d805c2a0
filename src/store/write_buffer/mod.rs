//! A storage that buffers the database's writes until they are synced, and carries them out in the
//! order of the file, with adjacent pages as one: so a large transaction costs a fraction of the
//! system calls. A write promises nothing before its sync, so a crash leaves what it could leave
//! without the buffer.

mod backend;
mod batch;

pub(crate) use backend::BufferedBackend;
