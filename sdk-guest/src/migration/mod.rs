//! Migrations: how an engine brings stored state from one layout to another, in steps of one block each.
//!
//! Keep the old layout as a [`crate::storage!`] of its own, write the way for each entry, and let [`Walk`] keep the
//! place. A version knows the way up to its own layout and the way back.
//!
//! ```
//! use caldera_sdk::prelude::*;
//! # sol! { interface Club { function members() external view returns (uint64); } }
//!
//! mod v1 {
//!     use caldera_sdk::prelude::*;
//!     storage! { pub struct ClubEngine { pub members: List<Address>, pub points: Map<Address, u64> } }
//! #   impl Engine for ClubEngine {
//! #       type Calls = super::Club::ClubCalls;
//! #       const NAME: &'static str = "club"; const VERSION: &'static str = "1.0.0"; const ABI: &'static str = "";
//! #       fn call(&mut self, _: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
//! #           match call { Self::Calls::members(call) => answer(call, |_| Ok(self.members.len())) }
//! #       }
//! #   }
//! }
//!
//! // Version 2 keeps points in the order of their owners, and since when.
//! stored_struct! { pub struct Score { points: u64, since: u64 } }
//! storage! { pub struct ClubEngine { members: List<Address>, scores: OrderedMap<Address, Score> } }
//!
//! migrations! {
//!     ClubEngine, 400 entries a step;
//!     // A map cannot be listed, but the list of members knows its keys.
//!     1 => 2, v1::ClubEngine, |new, old, walk| walk.list(&new.members, |_, who| {
//!         new.scores.set(&who, &Score { points: old.points.get(&who), since: 0 });
//!         old.points.remove(&who);
//!         Ok(())
//!     });
//!     2 => 1, v1::ClubEngine, |new, old, walk| walk
//!         .ordered(&new.scores, |who, score| Ok(old.points.set(&who, &score.points)))?
//!         .clear_ordered(&mut new.scores);
//! }
//!
//! impl Engine for ClubEngine {
//!     const STATE_VERSION: u32 = 2;
//!     fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
//!         self.step(step)
//!     }
//! #   type Calls = Club::ClubCalls;
//! #   const NAME: &'static str = "club"; const VERSION: &'static str = "2.0.0"; const ABI: &'static str = "";
//! #   fn call(&mut self, _: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
//! #       match call { Self::Calls::members(call) => answer(call, |_| Ok(self.members.len())) }
//! #   }
//!     // …
//! }
//! # fn main() {
//! # let (at, who) = (Address::repeat_byte(1), Address::repeat_byte(2));
//! # let host = caldera_sdk::testing::TestHost::new();
//! # host.mount::<v1::ClubEngine>(at);
//! # host.within(at, || {
//! #     let mut club = v1::ClubEngine::default();
//! #     club.members.push(&who);
//! #     club.points.set(&who, &7);
//! # }).unwrap();
//! # let before = host.storage(at);
//! # host.swap::<v1::ClubEngine, ClubEngine>(at).unwrap();
//! # assert_eq!(host.within(at, || ClubEngine::default().scores.get(&who).points).unwrap(), 7);
//! # host.swap::<ClubEngine, v1::ClubEngine>(at).unwrap();
//! # assert_eq!(host.storage(at), before);
//! # }
//! ```
//!
//! **Size.** A step may use the gas of an activation, 30,000,000. An entry that moves from one slot to a new one takes about
//! 35,000, so 400 fit twice over; one that is rewritten in place about 8,000.
//!
//! **In place.** A field may keep its name while its type changes, as long as its keys stay: the old type's handle reads, the
//! new one's writes, entry by entry. If the keys change too, give the field a new name.
//!
//! **A map cannot be listed.** Walk the list, or the numbers, that its keys are made of. Where there is none, convert an entry
//! when it is next read: give the map a new name and look under the old one first.

mod walk;

pub use walk::Walk;

/// One step, as [`crate::Engine::migrate`] is asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Layout of the state that is there.
    pub from: u32,
    /// Layout that is wanted; less than `from` when the chain goes back to an older engine.
    pub to: u32,
    /// Empty in the first step, then what the step before gave.
    pub cursor: Vec<u8>,
}

impl Migration {
    /// What an engine answers that does not know the way.
    pub fn refuse(&self) -> String {
        format!("no migration from state version {} to {}", self.from, self.to)
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// The state has the layout that was wanted.
    Done,
    /// Call again in the next block.
    More(Progress),
}

/// Where a step stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the next step is called with. Over 1 KiB halts the migration.
    pub cursor: Vec<u8>,
    /// Work done so far, in units of the engine's choice, for operators.
    pub done: u64,
    /// All the work in the same units; 0: unknown.
    pub total: u64,
}

/// Declares which migrations an engine knows and how each entry goes over, as `fn step(&mut self, &Migration)`; call it from
/// [`crate::Engine::migrate`]. See [the module](crate::migration) for a whole example.
///
/// Each way is `FROM => TO, OLD LAYOUT, |new, old, walk| …`: `new` is the engine, `old` the storage of the older layout
/// (whichever the direction), and `walk` a [`Walk`] to be given back.
#[macro_export]
macro_rules! migrations {
    ($engine:ty, $batch:literal entries a step; $($from:literal => $to:literal, $old:ty, |$new:ident, $before:ident, $walk:ident| $way:expr);+ $(;)?) => {
        impl $engine {
            /// One step of a migration.
            #[allow(unused_mut, unused_variables, reason = "a way may read one layout alone")]
            pub fn step(&mut self, step: &$crate::Migration) -> Result<$crate::Migrated, String> {
                match (step.from, step.to) {
                    $(($from, $to) => {
                        let $new = self;
                        let mut $before = <$old>::default();
                        let $walk = $crate::migration::Walk::new(step, $batch)?;
                        let walked: Result<$crate::migration::Walk, String> = $way;
                        Ok(walked?.finish())
                    })+
                    _ => Err(step.refuse()),
                }
            }
        }
    };
}
