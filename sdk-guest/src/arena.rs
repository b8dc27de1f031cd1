//! The guest's allocator: a static arena that is never freed, because an instance lives for one call.
//!
//! Why: an instance that never grows its memory is set up in 5 µs instead of 12. When the arena is full it goes on in
//! memory that it asks the host for. The last block can shrink, grow and go in place, so a growing `Vec` copies
//! nothing. An instance that is kept between calls does not fill it up: once nothing is live any more it begins anew.
//!
//! What the host hands over is allocated by the component's memory module, which `cargo xtask plugins` makes. It takes from
//! the same arena, whose head is exported for that; `host/xtask/src/component/memory.rs` has [`Head`]'s layout and the same
//! code as WebAssembly, and both change together.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};

/// Bytes of the arena. With the 32 KiB shadow stack and up to 32 KiB of data an engine begins with two pages of 64 KiB:
/// what a host clears quickest and charges nothing for.
const ARENA_BYTES: usize = 64 * 1024;
/// Bytes of a WebAssembly page.
const PAGE_BYTES: usize = 64 * 1024;
/// Pages asked for at once when the arena is full: 256 KiB.
const GROW_PAGES: usize = 4;

#[repr(align(16))]
struct Memory(UnsafeCell<[u8; ARENA_BYTES]>);

/// Where the arena stands.
#[repr(C)]
struct Head {
    /// First free address.
    top: Cell<*mut u8>,
    /// End of the region that `top` is in.
    end: Cell<*mut u8>,
    /// Where that region begins.
    start: Cell<*mut u8>,
    /// Blocks that are handed out and not given back.
    live: Cell<usize>,
}

struct Arena;

// SAFETY: a guest of this target has one thread; the world grants no threads and the host enables none.
unsafe impl Sync for Memory {}
// SAFETY: as above.
unsafe impl Sync for Head {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; ARENA_BYTES]));

#[unsafe(export_name = "caldera_arena")]
static HEAD: Head = Head {
    top: Cell::new(MEMORY.0.get().cast()),
    end: Cell::new(MEMORY.0.get().cast::<u8>().wrapping_add(ARENA_BYTES)),
    start: Cell::new(MEMORY.0.get().cast()),
    live: Cell::new(0),
};

#[global_allocator]
static ARENA: Arena = Arena;

impl Head {
    /// Takes `size` bytes at a multiple of `align`, or null when the host gives no more memory.
    fn take(&self, size: usize, align: usize) -> *mut u8 {
        loop {
            let top = self.top.get();
            let start = top.wrapping_add(top.align_offset(align));
            match start.addr().checked_add(size) {
                Some(end) if end <= self.end.get().addr() => {
                    self.top.set(start.wrapping_add(size));
                    return start;
                }
                Some(_) if self.grow(size + align) => {}
                _ => return core::ptr::null_mut(),
            }
        }
    }

    /// Makes room for `size` bytes more, in one piece. False when the host refuses.
    fn grow(&self, size: usize) -> bool {
        let pages = size.div_ceil(PAGE_BYTES).max(GROW_PAGES);
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return false;
        }
        // No mount has memory up to the end of the address space, so these sums do not overflow.
        let start = core::ptr::with_exposed_provenance_mut::<u8>(before * PAGE_BYTES);
        // The first growth begins a new region; a later one continues it, since nobody else grows this memory.
        if start != self.end.get() {
            self.start.set(start);
            self.top.set(start);
        }
        self.end.set(start.wrapping_add(pages * PAGE_BYTES));
        true
    }

    fn is_last(&self, block: *mut u8, size: usize) -> bool {
        block.wrapping_add(size) == self.top.get()
    }
}

// SAFETY: blocks come from memory that is handed out once: `top` only goes back over the block that was last, or to the
// beginning when no block is live.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = HEAD.take(layout.size(), layout.align());
        if !block.is_null() {
            HEAD.live.set(HEAD.live.get() + 1);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let live = HEAD.live.get().wrapping_sub(1);
        HEAD.live.set(live);
        if live == 0 {
            HEAD.top.set(HEAD.start.get());
        } else if HEAD.is_last(block, layout.size()) {
            HEAD.top.set(block);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let end = block.addr().checked_add(new_size);
        if HEAD.is_last(block, layout.size()) && end.is_some_and(|end| end <= HEAD.end.get().addr()) {
            HEAD.top.set(block.wrapping_add(new_size));
            return block;
        }
        let moved = HEAD.take(new_size, layout.align());
        if !moved.is_null() {
            // SAFETY: both are live, distinct blocks of at least this size.
            unsafe { core::ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size)) };
        }
        moved
    }
}
