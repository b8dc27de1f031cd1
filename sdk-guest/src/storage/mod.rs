//! Typed storage: handles that turn Rust values into entries of the engine's own key–value storage.
//!
//! **Layout.** A field's keys begin with its name, length-prefixed, so no two fields share a key. The host keeps the
//! entries as a Solidity `mapping(bytes => bytes)`: a value of up to 31 bytes takes one EVM slot, a longer one
//! 1 + ⌈len/32⌉.
//!
//! **Absent is zero.** As in Solidity, what was never written reads as its type's zero, and writing a zero (an encoding
//! of no bytes) removes the entry. `get` gives the value or zero; `find` tells absent from present.
//!
//! **Trust.** Only the engine's own code writes here, so bytes that do not decode mean a mistake in the engine (a
//! changed type without a migration). That panics with the field's name, which halts the call.

mod codec;
mod key;
mod list;
mod map;
mod ordered;
mod queue;
mod radix;
mod value;

pub use codec::{Stored, read_field, write_field};
pub use key::{Key, OrderedKey};
pub use list::List;
pub use map::Map;
pub use ordered::OrderedMap;
pub use queue::Queue;
pub use value::Value;

use crate::host;

/// A field's place in storage.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: &'static str,
}

impl Field {
    /// A field of this name. Panics (at compile time, in a `const`) when the name is empty or over 32 bytes.
    const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 32, "a field's name has 1 to 32 bytes");
        Self { name }
    }

    /// The storage key of one entry of this field.
    fn key(self, entry: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        // At most 32, see `new`.
        key.push(self.name.len() as u8);
        key.extend_from_slice(self.name.as_bytes());
        entry(&mut key);
        key
    }

    fn read<T: Stored>(self, key: &[u8]) -> Option<T> {
        host::get(key).map(|bytes| self.decode(&bytes))
    }

    fn read_or_zero<T: Stored>(self, key: &[u8]) -> T {
        self.decode(&host::get(key).unwrap_or_default())
    }

    fn write<T: Stored>(self, key: &[u8], value: &T) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        write_bytes(key, &bytes);
    }

    fn decode<T: Stored>(self, bytes: &[u8]) -> T {
        match T::decode(bytes) {
            Some(value) => value,
            None => panic!("storage field '{}' holds bytes of another type", self.name),
        }
    }
}

/// Writes an entry; no bytes remove it.
fn write_bytes(key: &[u8], bytes: &[u8]) {
    if bytes.is_empty() {
        host::remove(key);
    } else {
        host::set(key, bytes);
    }
}

/// Declares an engine's type with its storage: each field is a [`Value`], [`Map`], [`OrderedMap`], [`List`] or
/// [`Queue`] under its own name. Renaming a field moves its storage, so a rename needs a migration or a name kept by
/// `new_name as "old_name": Type`.
///
/// ```
/// # use caldera_sdk::prelude::*;
/// storage! {
///     /// Who owes whom.
///     pub struct Ledger {
///         owner: Value<Address>,
///         debts as "d": Map<(Address, Address), u128>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! storage {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident $(as $key:literal)? : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl Default for $name {
            fn default() -> Self {
                const STORAGE: $name = $name { $($field: <$type>::new($crate::storage!(@key $field $($key)?))),* };
                const _: () = $crate::storage::assert_distinct(&[$($crate::storage!(@key $field $($key)?)),*]);
                STORAGE
            }
        }
    };
    (@key $field:ident $key:literal) => { $key };
    (@key $field:ident) => { stringify!($field) };
}

/// Panics, at compile time, when two names are the same.
#[doc(hidden)]
pub const fn assert_distinct(names: &[&str]) {
    let mut i = 0;
    while i < names.len() {
        let mut j = i + 1;
        while j < names.len() {
            assert!(!same(names[i].as_bytes(), names[j].as_bytes()), "two fields share one storage name");
            j += 1;
        }
        i += 1;
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
