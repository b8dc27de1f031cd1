//! How keys become bytes: distinct keys of one type have distinct bytes, and ordered keys have ordered bytes.

use alloy_primitives::{Address, B256, U256};

/// A type that can be a key. With the field's name before it a key has at most 256 bytes; a longer one halts the call.
pub trait Key {
    /// Appends the key's bytes. No key's bytes begin another's.
    fn write(&self, out: &mut Vec<u8>);
}

/// A key of fixed length whose bytes sort as its values do.
pub trait OrderedKey: Key + Sized {
    /// How many bytes it has.
    const BYTES: usize;

    /// The key of exactly [`Self::BYTES`] bytes that [`Key::write`] wrote.
    fn read(bytes: &[u8]) -> Self;
}

/// The first `N` bytes. Keys are read back only from paths of their own length, so the slice is long enough.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

macro_rules! unsigned_key {
    ($($int:ty),*) => { $(
        impl Key for $int {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }

        impl OrderedKey for $int {
            const BYTES: usize = size_of::<Self>();

            fn read(bytes: &[u8]) -> Self {
                Self::from_be_bytes(array(bytes))
            }
        }
    )* };
}
unsigned_key!(u8, u16, u32, u64, u128);

macro_rules! signed_key {
    ($($int:ty as $unsigned:ty),*) => { $(
        /// With the sign bit flipped, so that negative keys come first.
        impl Key for $int {
            fn write(&self, out: &mut Vec<u8>) {
                (self ^ Self::MIN).cast_unsigned().write(out);
            }
        }

        impl OrderedKey for $int {
            const BYTES: usize = size_of::<Self>();

            fn read(bytes: &[u8]) -> Self {
                <$unsigned>::read(bytes).cast_signed() ^ Self::MIN
            }
        }
    )* };
}
signed_key!(i32 as u32, i64 as u64, i128 as u128);

impl Key for U256 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes::<32>());
    }
}

impl OrderedKey for U256 {
    const BYTES: usize = 32;

    fn read(bytes: &[u8]) -> Self {
        Self::from_be_bytes::<32>(array(bytes))
    }
}

impl Key for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl OrderedKey for bool {
    const BYTES: usize = 1;

    fn read(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

impl<const N: usize> Key for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> OrderedKey for [u8; N] {
    const BYTES: usize = N;

    fn read(bytes: &[u8]) -> Self {
        array(bytes)
    }
}

impl Key for Address {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }
}

impl OrderedKey for Address {
    const BYTES: usize = 20;

    fn read(bytes: &[u8]) -> Self {
        Self::new(array(bytes))
    }
}

impl Key for B256 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }
}

impl OrderedKey for B256 {
    const BYTES: usize = 32;

    fn read(bytes: &[u8]) -> Self {
        Self::new(array(bytes))
    }
}

/// Length in four bytes, then the text. Bound its length before you use it: over about 200 bytes it halts the call.
impl Key for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().to_vec().write(out);
    }
}

/// Length in four bytes, then the bytes. Bound its length before you use it: over about 200 bytes it halts the call.
impl Key for Vec<u8> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u32).write(out);
        out.extend_from_slice(self);
    }
}

macro_rules! tuple_key {
    ($($name:ident . $index:tt),*) => {
        impl<$($name: Key),*> Key for ($($name,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$index.write(out);)*
            }
        }

        impl<$($name: OrderedKey),*> OrderedKey for ($($name,)*) {
            const BYTES: usize = 0 $(+ $name::BYTES)*;

            fn read(mut bytes: &[u8]) -> Self {
                let mut take = |count| {
                    let (part, rest) = bytes.split_at(count);
                    bytes = rest;
                    part
                };
                ($($name::read(take($name::BYTES)),)*)
            }
        }
    };
}
tuple_key!(A.0, B.1);
tuple_key!(A.0, B.1, C.2);
tuple_key!(A.0, B.1, C.2, D.3);
