//! The store's files damaged at random: the chain opens as it was, or is made again from its log. What opening does not see,
//! `ChainState::audit` does, and then the next opening makes the store again.

use std::fs;

use caldera_state::Audit;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::made::{Made, files, head, moved_aside};

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit is another.
    Bit,
    /// 4 KiB are zeros, as a page that was never written.
    Page,
    /// It ends too early.
    Cut,
    /// It is gone.
    Removed,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How often it was done.
    pub times: u32,
    /// How often it harmed nothing that is needed.
    pub harmless: u32,
    /// How often opening saw it and made the store again.
    pub opening: u32,
    /// How often executing or reading met it, and the next opening made the store again.
    pub reading: u32,
    /// How often only the audit saw it: an index without an entry.
    pub audit: u32,
}

/// Damages so often in each way.
pub fn damage(made: &Made, times: u64, seed: u64) -> [(Damage, Row); 4] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xda);
    [Damage::Bit, Damage::Page, Damage::Cut, Damage::Removed].map(|damage| {
        let mut row = Row::default();
        (0..times).for_each(|_| check(made, damage, &mut rng, &mut row));
        (damage, row)
    })
}

fn check(made: &Made, damage: Damage, rng: &mut ChaCha8Rng, row: &mut Row) {
    row.times += 1;
    let folder = made.copied(false);
    let files = files(&made.store(folder.path()));
    let file = &files[rng.next_u64() as usize % files.len()];
    let mut bytes = fs::read(file).expect("it is there");
    let at = rng.next_u64() as usize % bytes.len().max(1);
    let what = format!("{damage:?} of {} at {at}", file.display());
    match damage {
        Damage::Bit => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (rng.next_u64() % 8)),
        Damage::Page => bytes.iter_mut().skip(at / 4096 * 4096).take(4096).for_each(|byte| *byte = 0),
        Damage::Cut => bytes.truncate(at),
        Damage::Removed => {}
    }
    match damage {
        Damage::Removed => fs::remove_file(file).expect("it can be removed"),
        _ => fs::write(file, bytes).expect("it can be written"),
    }
    let end = made.heads[made.height as usize];
    let opened = made.open(folder.path());
    let rebuilt = moved_aside(folder.path()) == 1;
    let met = match &opened {
        Ok(chain) => {
            assert_eq!((chain.head().number(), head(chain)), (made.height, end), "{what}");
            None
        }
        Err(error) => Some(error.to_string()),
    };
    drop(opened);
    if rebuilt {
        row.opening += 1;
        assert_eq!(met, None, "{what}");
    }
    let audit = if met.is_some() { Audit::default() } else { made.audit(folder.path()) };
    match (&met, audit.findings.first()) {
        (Some(_), _) => row.reading += 1,
        (None, Some(finding)) => {
            assert!(!rebuilt, "{what}: {finding}");
            row.audit += 1;
        }
        (None, None) => row.harmless += u32::from(!rebuilt),
    }
    made.is_whole(folder.path(), made.height);
    let seen = met.is_some() || !audit.findings.is_empty();
    assert_eq!(moved_aside(folder.path()), usize::from(rebuilt || seen), "{what}: {met:?} {:?}", audit.findings);
}
