use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// The file that an engine created.
pub(in crate::engine) struct CreatedFile {
    pub(in crate::engine) path: PathBuf,
    pub(in crate::engine) identity: FileIdentity,
}

/// What distinguishes a file from others; always the same where the system does not tell.
#[derive(PartialEq, Eq)]
pub(in crate::engine) struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    pub(in crate::engine) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let identity = {
            let _ = metadata;
            None
        };
        Self(identity)
    }

    /// Whether the file is the one at `path`.
    pub(in crate::engine) fn is_at(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| Self::of(&metadata) == *self)
    }
}
