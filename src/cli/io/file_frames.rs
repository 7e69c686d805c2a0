use crate::cli::failure::Failure;
use crate::cli::io::input::{self, DecompressionLimit, failed};
use carrack::event::Frames;
use carrack::{Code, Error};
use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The frames of a file, in order; the last item is the failure if reading fails. An empty file is
/// one empty frame.
pub(in crate::cli) struct FileFrames {
    path: PathBuf,
    ahead: VecDeque<Result<Vec<u8>, Failure>>,
    /// `None` after the last frame, or after a failure.
    rest: Option<Frames<Box<dyn Read>>>,
}

impl FileFrames {
    /// Opens a file, or `-`, and reads up to two frames ahead.
    pub(in crate::cli) fn of(path: &Path, limit: DecompressionLimit) -> Self {
        let mut frames = Self { path: path.to_owned(), ahead: VecDeque::new(), rest: None };
        match input::stream(path, limit) {
            Ok(reader) => frames.rest = Some(Frames::new(reader)),
            Err(failure) => frames.ahead.push_back(Err(failure)),
        }
        for _ in 0..2 {
            let item = frames.read();
            frames.ahead.extend(item);
        }
        frames
    }

    /// Whether there is not more than one frame. Only before the first one is taken.
    pub(in crate::cli) fn is_single(&self) -> bool {
        self.ahead.len() < 2
    }

    fn read(&mut self) -> Option<Result<Vec<u8>, Failure>> {
        let item = self.rest.as_mut()?.next_frame();
        if !matches!(item, Ok(Some(_))) {
            self.rest = None;
        }
        item.transpose().map(|item| {
            item.map_err(|error| match error {
                Error::Io { source, .. } => failed(&self.path, Code::BadFrame, &source),
                error => error.into(),
            })
        })
    }
}

impl Iterator for FileFrames {
    type Item = Result<Vec<u8>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ahead.pop_front().or_else(|| self.read())
    }
}
