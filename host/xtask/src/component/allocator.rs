//! The allocator of a component's memory module, as WebAssembly: it takes from the guest's arena as the guest's own does.
//!
//! `sdk-guest/src/arena.rs` has the same in Rust (`Head::take` and `Head::grow`); the two change together.

use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, ValType};

/// Offsets in the arena's head, as `sdk-guest/src/arena.rs` lays it out.
const TOP: u64 = 0;
const END: u64 = 4;
const START: u64 = 8;
const LIVE: u64 = 12;
/// Bits of a page's size, and the pages that the arena grows by at least.
const PAGE_BITS: i64 = 16;
const GROW_PAGES: i64 = 4;

/// Parameters after the old block, and locals: of 64 bits, so that no sum overflows.
const OLD_SIZE: u32 = 1;
const ALIGN: u32 = 2;
const SIZE: u32 = 3;
const PLACE: u32 = 4;
const PAGES: u32 = 5;

/// `cabi_realloc(old, old_size, align, size)` on the arena whose head is at this address. The host allocates and never moves
/// what it allocated, since strings are UTF-8; if it did, that would trap.
#[rustfmt::skip]
pub fn function(arena: i32) -> Function {
    let head = || I::I32Const(arena);
    let at = |offset| MemArg { offset, align: 2, memory_index: 0 };
    // place = (top + align - 1) & -align
    let align = [
        head(), I::I32Load(at(TOP)), I::I64ExtendI32U, I::LocalGet(ALIGN), I::I64ExtendI32U, I::I64Add, I::I64Const(1), I::I64Sub,
        I::I64Const(0), I::LocalGet(ALIGN), I::I64ExtendI32U, I::I64Sub, I::I64And, I::LocalSet(PLACE),
    ];
    let mut function = Function::new([(2, ValType::I64)]);
    let mut emit = |instructions: &[I<'_>]| {
        instructions.iter().for_each(|instruction| {
            function.instruction(instruction);
        });
    };
    // if old_size { unreachable }
    emit(&[I::LocalGet(OLD_SIZE), I::If(BlockType::Empty), I::Unreachable, I::End]);
    emit(&align);
    // if place + size > end {
    emit(&[
        I::LocalGet(PLACE), I::LocalGet(SIZE), I::I64ExtendI32U, I::I64Add, head(), I::I32Load(at(END)), I::I64ExtendI32U,
        I::I64GtU, I::If(BlockType::Empty),
    ]);
    // pages = max((size + align + 65535) >> 16, GROW_PAGES)
    emit(&[
        I::LocalGet(SIZE), I::I64ExtendI32U, I::LocalGet(ALIGN), I::I64ExtendI32U, I::I64Add, I::I64Const(65_535), I::I64Add,
        I::I64Const(PAGE_BITS), I::I64ShrU, I::LocalTee(PAGES), I::I64Const(GROW_PAGES), I::LocalGet(PAGES),
        I::I64Const(GROW_PAGES), I::I64GtU, I::Select, I::LocalSet(PAGES),
    ]);
    // place = memory.grow(pages) << 16; if that failed { unreachable }
    emit(&[
        I::LocalGet(PAGES), I::I32WrapI64, I::MemoryGrow(0), I::I64ExtendI32S, I::LocalTee(PLACE), I::I64Const(0), I::I64LtS,
        I::If(BlockType::Empty), I::Unreachable, I::End,
        I::LocalGet(PLACE), I::I64Const(PAGE_BITS), I::I64Shl, I::LocalSet(PLACE),
    ]);
    // if place != end { start = place; top = place }
    emit(&[
        I::LocalGet(PLACE), I::I32WrapI64, head(), I::I32Load(at(END)), I::I32Ne, I::If(BlockType::Empty),
        head(), I::LocalGet(PLACE), I::I32WrapI64, I::I32Store(at(START)),
        head(), I::LocalGet(PLACE), I::I32WrapI64, I::I32Store(at(TOP)), I::End,
    ]);
    // end = place + (pages << 16)
    emit(&[
        head(), I::LocalGet(PLACE), I::LocalGet(PAGES), I::I64Const(PAGE_BITS), I::I64Shl, I::I64Add, I::I32WrapI64,
        I::I32Store(at(END)),
    ]);
    // }
    emit(&align);
    emit(&[I::End]);
    // top = place + size; live += 1; place
    emit(&[
        head(), I::LocalGet(PLACE), I::I32WrapI64, I::LocalGet(SIZE), I::I32Add, I::I32Store(at(TOP)),
        head(), head(), I::I32Load(at(LIVE)), I::I32Const(1), I::I32Add, I::I32Store(at(LIVE)),
        I::LocalGet(PLACE), I::I32WrapI64, I::End,
    ]);
    function
}
