use crate::env::Clock;
use crate::store::log::Retention;
use crate::store::write::notify::Notify;
use std::sync::Arc;

/// What the writer looks after besides the callers' jobs.
pub(crate) struct WriterOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Retention,
    /// Notified when something has become durable.
    pub(crate) notify: Arc<Notify>,
    /// Whether removal and trimming in the background are done.
    pub(crate) upkeep: bool,
    /// Why every job is refused, if it is: the store is only read.
    pub(crate) refusal: Option<String>,
}
