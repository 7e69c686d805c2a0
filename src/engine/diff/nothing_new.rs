//! A diff that is only a header: the answer of the reference server when nothing is newer than the
//! revision that was asked for.

use crate::block::Cid;
use crate::commit::Commit;
use crate::engine::account::status::parse_did;
use crate::engine::diff::apply::{AppliedDiff, unchanged};
use crate::engine::diff::head_key::check_head;
use crate::engine::handle::Engine;
use crate::engine::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::ident::Did;
use crate::problem::{Code, Problem};
use crate::store::account::{Account, Head};
use crate::store::accounts::account_row;
use crate::store::read::record::commit_block;
use crate::store::read_table::ReadTable;
use crate::store::sealed::InOrder;
use crate::store::tables::View;

impl Engine {
    /// Checks the stored head like that of a diff, if it is the one that the header names.
    pub(in crate::engine) fn nothing_new(
        &self,
        root: &Cid,
        options: &ImportOptions,
    ) -> Result<AppliedDiff> {
        let view = self.view()?;
        let (did, account) = match &options.head.did {
            Some(did) => (did.clone(), account_row(view.accounts()?, did)?),
            None => account_with_head(&view, root)?.ok_or_else(|| held_by_none(root))?,
        };
        let head = match &account.head {
            Some(head) if head.commit == *root => head,
            head => return Err(of_another_head(root, &did, head.as_ref()).into()),
        };
        let commit = Commit::decode(&commit_block(view.rows()?, head)?)?;
        check_head(&commit, &account, options, self.clock())?;
        Ok(unchanged(did, head, &account.key))
    }
}

/// The account with this head. A commit names its account, so there is one at most.
fn account_with_head(view: &View, root: &Cid) -> Result<Option<(Did, Account)>> {
    let mut order = InOrder::default();
    let mut unreadable = None;
    for row in view.accounts()?.entries()? {
        let (did, row) = row?;
        order.next::<&[u8]>(did.value())?;
        match Account::decode(did.value(), row.value()) {
            Ok(account) if account.head.as_ref().is_some_and(|head| head.commit == *root) => {
                return Ok(Some((parse_did(did.value())?, account)));
            }
            Ok(_) => {}
            // It may be the one that is looked for.
            Err(error) => unreadable = Some(error),
        }
    }
    order.end(view.accounts()?.len()?)?;
    unreadable.map_or(Ok(None), Err)
}

const ASK_AGAIN: &str = "ask the host for what is new since the revision that is stored here, or for a \
                         full export";

fn held_by_none(root: &Cid) -> Error {
    let message = format!(
        "the CAR has a header and no blocks, as hosts answer when nothing is new, and its root is the \
         head of no account in this store: {ASK_AGAIN}"
    );
    Problem::new(Code::MissingCommit, message).cid(root).into()
}

fn of_another_head(root: &Cid, did: &Did, head: Option<&Head>) -> Problem {
    let held = match head {
        Some(head) => format!("{did} has the head {} of revision {} here", head.commit, head.rev),
        None => format!("{did} has no head here"),
    };
    let message = format!(
        "the CAR has a header and no blocks, as hosts answer when nothing is new, and {held}: \
         {ASK_AGAIN}"
    );
    Problem::new(Code::MissingCommit, message).cid(root)
}
