//! A commit whose row is lost may be in the event log.

use crate::block::{Block, Cid};
use crate::car::{Blocks, Reader};
use crate::engine::handle::Engine;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ident::Did;

/// The commit, if an event that can be read brings it. Takes as long as reading the log.
pub(super) fn commit_in_log(engine: &Engine, did: &Did, commit: &Cid) -> Result<Option<Block>> {
    let mut events = match engine.events(0) {
        Ok(events) => events,
        Err(error) => return damage(error).map(|()| None),
    };
    loop {
        let event = match events.next() {
            Ok(None) => return Ok(None),
            Ok(Some(logged)) => logged.event(),
            Err(Error::UnreadableEvents { .. }) => continue,
            Err(error) => return damage(error).map(|()| None),
        };
        let blocks = match event {
            Ok(Event::Commit(event)) if event.did == *did && event.commit == *commit => {
                event.blocks
            }
            Ok(Event::Sync(event)) if event.did == *did => event.blocks,
            _ => continue,
        };
        if let Some(block) = block_of(&blocks, commit) {
            return Ok(Some(block));
        }
    }
}

fn damage(error: Error) -> Result<()> {
    if matches!(error, Error::Corrupt(_)) { Ok(()) } else { Err(error) }
}

fn block_of(car: &[u8], cid: &Cid) -> Option<Block> {
    let mut reader = Reader::new(car).ok()?;
    let blocks = Blocks::read(&mut reader, |_, _, _| Ok(())).ok()?;
    blocks.by_cid.get(cid).cloned()
}
