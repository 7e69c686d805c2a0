use crate::env::Clock;
use crate::store::log::Retention;
use crate::store::write::notify::Notify;
use std::sync::Arc;

/// Options of the writer.
pub(crate) struct WriterOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Retention,
    /// Notified when something has become durable.
    pub(crate) notify: Arc<Notify>,
    /// Whether removal and trimming in the background are done.
    pub(crate) upkeep: bool,
    /// Why every job is refused; `None` unless the store is read-only.
    pub(crate) refusal: Option<String>,
}
