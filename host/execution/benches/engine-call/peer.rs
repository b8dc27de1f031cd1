//! The peer: libextism through its C API, as a host in any language would use it. A plugin there is warm and shared: it
//! keeps its memory between calls.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr,
};

use caldera_bench::Samples;
use libloading::Library;

/// Where `cargo xtask bench` put the library.
const VARIABLE: &str = "CALDERA_PEER_EXTISM";
/// `nothing` does nothing; `echo` hands back its input, which stays where it is: the cheapest answer there is.
const PLUGIN: &str = r#"(module
    (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
    (import "extism:host/env" "input_length" (func $input_length (result i64)))
    (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
    (memory (export "memory") 1)
    (func (export "nothing") (result i32) (i32.const 0))
    (func (export "echo") (result i32) (call $output_set (call $input_offset) (call $input_length)) (i32.const 0)))"#;

type New = unsafe extern "C" fn(*const u8, u64, *const *const c_void, u64, bool, *mut *mut c_char) -> *mut c_void;
type NewFromCompiled = unsafe extern "C" fn(*const c_void, *mut *mut c_char) -> *mut c_void;
type Call = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, u64) -> i32;
type OutputLength = unsafe extern "C" fn(*mut c_void) -> u64;
type OutputData = unsafe extern "C" fn(*mut c_void) -> *const u8;
type Free = unsafe extern "C" fn(*mut c_void);
type Version = unsafe extern "C" fn() -> *const c_char;

/// libextism with one plugin.
pub struct Extism {
    /// `libextism 1.41.0`
    pub name: String,
    new_from_compiled: NewFromCompiled,
    call: Call,
    output_length: OutputLength,
    output_data: OutputData,
    free: Free,
    compiled: *const c_void,
    warm: *mut c_void,
    /// Keeps the code there that the functions above point to.
    _library: Library,
}

impl Extism {
    /// The peer, if it was fetched.
    pub fn load() -> Option<Self> {
        let path = std::env::var_os(VARIABLE)?;
        let wasm = wat::parse_str(PLUGIN).expect("the plugin is valid text");
        // SAFETY: the library is the one whose hash `cargo xtask bench` checked; its initialisers do nothing to this process,
        // and the types above are those of its header, `extism.h` of version 1.41.
        let (library, new, compile, new_from_compiled, call, output_length, output_data, free, version) = unsafe {
            let library = Library::new(&path).expect("the library loads");
            let new: New = *library.get(b"extism_plugin_new\0").expect("the C API");
            let compile: New = *library.get(b"extism_compiled_plugin_new\0").expect("the C API");
            let from: NewFromCompiled = *library.get(b"extism_plugin_new_from_compiled\0").expect("the C API");
            let call: Call = *library.get(b"extism_plugin_call\0").expect("the C API");
            let length: OutputLength = *library.get(b"extism_plugin_output_length\0").expect("the C API");
            let data: OutputData = *library.get(b"extism_plugin_output_data\0").expect("the C API");
            let free: Free = *library.get(b"extism_plugin_free\0").expect("the C API");
            let version: Version = *library.get(b"extism_version\0").expect("the C API");
            (library, new, compile, from, call, length, data, free, version)
        };
        let made = |new: New| {
            // SAFETY: the bytes live through the call, there are no functions, and a null error pointer is allowed.
            let made = unsafe { new(wasm.as_ptr(), wasm.len() as u64, ptr::null(), 0, false, ptr::null_mut()) };
            assert!(!made.is_null(), "the plugin is sound");
            made
        };
        let (warm, compiled) = (made(new), made(compile));
        // SAFETY: it returns a static text.
        let version = unsafe { CStr::from_ptr(version()) }.to_string_lossy().into_owned();
        let name = format!("libextism {version}, warm");
        Some(Self {
            name,
            new_from_compiled,
            call,
            output_length,
            output_data,
            free,
            compiled,
            warm,
            _library: library,
        })
    }

    /// Calls of the plugin that is kept. In batches, as our own warm calls.
    pub fn time_warm(&self, samples: usize, function: &CStr, input: &[u8]) -> Samples {
        Samples::time(samples / 10, 10, || self.run(self.warm, function, input))
    }

    /// A new plugin from compiled code for each call.
    pub fn time_fresh(&self, samples: usize) -> Samples {
        Samples::time(samples, 1, || {
            // SAFETY: `compiled` was made by this library and is never freed.
            let plugin = unsafe { (self.new_from_compiled)(self.compiled, ptr::null_mut()) };
            assert!(!plugin.is_null(), "the plugin is sound");
            self.run(plugin, c"nothing", b"");
            // SAFETY: made above and not used again.
            unsafe { (self.free)(plugin) };
        })
    }

    /// One call, with the output copied as a host has to.
    fn run(&self, plugin: *mut c_void, function: &CStr, input: &[u8]) -> Vec<u8> {
        // SAFETY: the plugin is live; name and input live through the call; the output is the plugin's until the next call.
        unsafe {
            assert_eq!((self.call)(plugin, function.as_ptr(), input.as_ptr(), input.len() as u64), 0);
            let length = (self.output_length)(plugin) as usize;
            if length == 0 {
                return Vec::new();
            }
            std::slice::from_raw_parts((self.output_data)(plugin), length).to_vec()
        }
    }
}
