//! Which nodes a state has and the next one has not: nobody needs them once the older one goes.
//!
//! A node lies in one place, and stands at one path from its birth on: blocks that change nothing below it leave it where it is, and
//! the others make a new one. So both tries are walked down together by path, and whatever the newer one does not have at the same
//! path, in the same place, is gone from then on for good.

use std::rc::Rc;

use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use crate::{
    error::StateError,
    nodes::Nodes,
    place::{NodeRef, Place},
    trie::{Kind, Link, join, links},
};

/// A node of the newer trie, at or above where the walk is.
struct Cursor {
    at: Nibbles,
    links: Vec<Link>,
}

/// A node that is gone.
struct Gone {
    node: NodeRef,
    at: Nibbles,
    kind: Kind,
    /// The lowest node of the newer trie that is known above what is below it.
    cursor: Option<Rc<Cursor>>,
}

/// The places of all nodes of the state at `old` that the next one, at `new`, has not.
pub(super) fn gone(nodes: &Nodes, old: NodeRef, new: NodeRef) -> Result<Vec<Place>, StateError> {
    let walk = Walk { nodes };
    let mut places = Vec::new();
    if old.hash == EMPTY_ROOT_HASH || old == new {
        return Ok(places);
    }
    let cursor =
        if new.hash == EMPTY_ROOT_HASH { None } else { Some(walk.cursor(new, Nibbles::default(), Kind::Accounts)?) };
    let mut todo = vec![Gone { node: old, at: Nibbles::default(), kind: Kind::Accounts, cursor }];
    while let Some(Gone { node, at, kind, cursor }) = todo.pop() {
        places.push(node.place);
        for link in walk.links(node, kind)? {
            let below = join(&at, &link.path)?;
            let (stands, cursor) = walk.find(cursor.clone(), kind, &below, link.kind)?;
            if stands.is_some_and(|stands| stands.place == link.to.place) {
                continue;
            }
            // A storage is a trie of its own, whose paths begin anew.
            let (at, cursor) = match (link.kind == kind, stands) {
                (true, Some(stands)) => (below, Some(walk.cursor(stands, below, kind)?)),
                (true, None) => (below, cursor),
                (false, Some(stands)) => {
                    (Nibbles::default(), Some(walk.cursor(stands, Nibbles::default(), link.kind)?))
                }
                (false, None) => (Nibbles::default(), None),
            };
            todo.push(Gone { node: link.to, at, kind: link.kind, cursor });
        }
    }
    Ok(places)
}

struct Walk<'a> {
    nodes: &'a Nodes,
}

impl Walk<'_> {
    /// What stands at a path in the newer trie, and the lowest node on the way there.
    fn find(
        &self,
        mut cursor: Option<Rc<Cursor>>,
        kind: Kind,
        path: &Nibbles,
        wanted: Kind,
    ) -> Result<(Option<NodeRef>, Option<Rc<Cursor>>), StateError> {
        while let Some(here) = cursor {
            let mut on_the_way = None;
            for link in &here.links {
                let at = join(&here.at, &link.path)?;
                if path.starts_with(&at) {
                    on_the_way = Some((link, at));
                    break;
                }
            }
            match on_the_way {
                Some((link, at)) if link.kind == wanted && at == *path => return Ok((Some(link.to), Some(here))),
                Some((link, at)) if link.kind == kind => cursor = Some(self.cursor(link.to, at, kind)?),
                _ => return Ok((None, Some(here))),
            }
        }
        Ok((None, None))
    }

    fn cursor(&self, node: NodeRef, at: Nibbles, kind: Kind) -> Result<Rc<Cursor>, StateError> {
        Ok(Rc::new(Cursor { at, links: self.links(node, kind)? }))
    }

    fn links(&self, node: NodeRef, kind: Kind) -> Result<Vec<Link>, StateError> {
        Ok(links(&self.nodes.read(node)?, node.place, kind)?.nodes)
    }
}
