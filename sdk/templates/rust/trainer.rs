// SPDX-License-Identifier: Apache-2.0
//! The C contract (plugin_api/include/trainer) as Rust sees it: the structs that a simple callback needs, in
//! the layout of plugin_api/abi. Write more of them as you need them; what follows a last field here may be
//! left out, since each struct says its size.
#![allow(dead_code)]

use std::os::raw::{c_char, c_void};

pub const OK: i32 = 0;
pub const ERROR: i32 = 1;
pub const NUMBER: u32 = 3;

/// UTF-8, not terminated by zero; borrowed as the function that gives it says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const c_char,
    pub size: u64,
}

#[repr(C)]
pub struct Value {
    pub struct_size: u32,
    pub kind: u32,
    pub integer: i64,
    pub number: f64,
    pub text: Text,
}

/// The logs or metrics of an event.
#[repr(C)]
pub struct Map {
    pub struct_size: u32,
    pub reserved: u32,
    pub data: *mut c_void,
    pub size: extern "C" fn(*const Map) -> u64,
    pub at: extern "C" fn(*const Map, u64, *mut Text, *mut Value) -> i32,
    pub get: extern "C" fn(*const Map, *const c_char, u64, *mut Value) -> i32,
}

impl Map {
    /// The number under a key, when there is one.
    pub fn number(&self, key: &str) -> Option<f64> {
        let mut value = Value { struct_size: std::mem::size_of::<Value>() as u32, kind: 0, integer: 0, number: 0.0, text: Text { data: std::ptr::null(), size: 0 } };
        let found = (self.get)(self, key.as_ptr() as *const c_char, key.len() as u64, &mut value);
        if found == OK && value.kind == NUMBER { Some(value.number) } else { None }
    }
}

/// The beginning of trainer_state.
#[repr(C)]
pub struct State {
    pub struct_size: u32,
    pub present: u32,
    pub epoch: f64,
    pub global_step: i64,
    pub max_steps: i64,
}

#[repr(C)]
pub struct Event {
    pub struct_size: u32,
    pub kind: u32,
    pub state: *const State,
    pub control: *mut c_void,
    pub values: *mut Map,
}

/// The beginning of trainer_host.
#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub reserved: u32,
    pub data: *mut c_void,
    pub log: extern "C" fn(*const Host, u32, *const c_char, u64),
    pub set_error: extern "C" fn(*const Host, *const c_char, u64),
}

pub const INFO: u32 = 2;

impl Host {
    pub fn log(&self, level: u32, text: &str) {
        (self.log)(self, level, text.as_ptr() as *const c_char, text.len() as u64)
    }
    pub fn set_error(&self, text: &str) {
        (self.set_error)(self, text.as_ptr() as *const c_char, text.len() as u64)
    }
}

pub type Slot = Option<extern "C" fn(*mut Callback, *const Event) -> i32>;

/// Slots in the order of trainer_callback; None is an event that is not subscribed.
#[repr(C)]
pub struct Callback {
    pub struct_size: u32,
    pub reserved: u32,
    pub data: *mut c_void,
    pub destroy: Option<extern "C" fn(*mut Callback)>,
    pub get_extension: Option<extern "C" fn(*mut Callback, *const c_char) -> *const c_void>,
    pub on_init_end: Slot,
    pub on_train_begin: Slot,
    pub on_train_end: Slot,
    pub on_epoch_begin: Slot,
    pub on_epoch_end: Slot,
    pub on_step_begin: Slot,
    pub on_pre_optimizer_step: Slot,
    pub on_optimizer_step: Slot,
    pub on_substep_end: Slot,
    pub on_step_end: Slot,
    pub on_evaluate: Slot,
    pub on_predict: Slot,
    pub on_save: Slot,
    pub on_log: Slot,
    pub on_prediction_step: Slot,
    pub on_push_begin: Slot,
}

impl Callback {
    pub const EMPTY: Callback = Callback {
        struct_size: std::mem::size_of::<Callback>() as u32, reserved: 0, data: std::ptr::null_mut(), destroy: None,
        get_extension: None, on_init_end: None, on_train_begin: None, on_train_end: None, on_epoch_begin: None,
        on_epoch_end: None, on_step_begin: None, on_pre_optimizer_step: None, on_optimizer_step: None,
        on_substep_end: None, on_step_end: None, on_evaluate: None, on_predict: None, on_save: None, on_log: None,
        on_prediction_step: None, on_push_begin: None,
    };
}

pub const ABI_MAJOR: u32 = 1;
pub const ABI_MINOR: u32 = 1;
/// The minor that a plugin needs: these structs are all of 1.0. Raise it with the first field that came later.
pub const PLUGIN_MINOR: u32 = 0;
const PLUGIN_MAGIC: u32 = 0x4E52_5254;

/// What stands in the section .trainer_note, which the host reads before it loads anything: this, then the JSON.
#[repr(C, align(8))]
pub struct Note<const SIZE: usize> {
    magic: [u8; 16],
    abi_major: u32,
    abi_minor: u32,
    json_size: u32,
    reserved: u32,
    json: [u8; SIZE],
}

impl<const SIZE: usize> Note<SIZE> {
    pub const fn new(json: [u8; SIZE]) -> Self {
        Note { magic: *b"LibTrainer note\0", abi_major: ABI_MAJOR, abi_minor: PLUGIN_MINOR, json_size: SIZE as u32, reserved: 0, json }
    }
}

#[repr(C)]
pub struct Plugin {
    magic: u32,
    struct_size: u32,
    abi_major: u32,
    abi_minor: u32,
    note: *const c_void,
    create: extern "C" fn(*const Host, *mut *mut Callback) -> i32,
    get_extension: Option<extern "C" fn(*const c_char) -> *const c_void>,
}

unsafe impl Sync for Plugin {} // only pointers to what never changes

impl Plugin {
    pub const fn new<const SIZE: usize>(note: &'static Note<SIZE>, create: extern "C" fn(*const Host, *mut *mut Callback) -> i32) -> Plugin {
        Plugin {
            magic: PLUGIN_MAGIC, struct_size: std::mem::size_of::<Plugin>() as u32, abi_major: ABI_MAJOR, abi_minor: PLUGIN_MINOR,
            note: note as *const Note<SIZE> as *const c_void, create, get_extension: None,
        }
    }
}

/// No panic may cross the border: it becomes an error with its text.
pub fn guarded(host: *const Host, body: impl FnOnce() -> Result<(), String>) -> i32 {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    let text = match outcome {
        Ok(Ok(())) => return OK,
        Ok(Err(text)) => text,
        Err(panic) => match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => format!("it panicked: {}", text),
            (_, Some(text)) => format!("it panicked: {}", text),
            _ => "it panicked".to_string(),
        },
    };
    unsafe { (*host).set_error(&text) };
    ERROR
}

#[cfg(test)]
mod layout {
    use super::*;
    use std::mem::{align_of, size_of, MaybeUninit};

    macro_rules! print_offsets {
        ($name:literal, $type:ty, $($field:ident = $c_field:literal),*) => {
            let place = MaybeUninit::<$type>::uninit();
            $(println!("{}.{} offset {} ", $name, $c_field,
                unsafe { std::ptr::addr_of!((*place.as_ptr()).$field) as usize } - place.as_ptr() as usize);)*
        };
    }

    /// Prints lines as plugin_api/abi/layout-x86_64.txt has them; a test of the SDK compares.
    #[test]
    fn print() {
        print_offsets!("trainer_text", Text, data = "data", size = "size");
        print_offsets!("trainer_value", Value, kind = "type", integer = "integer", number = "number", text = "text");
        print_offsets!("trainer_map", Map, data = "data", size = "size", at = "at", get = "get");
        print_offsets!("trainer_state", State, present = "present", epoch = "epoch", global_step = "global_step", max_steps = "max_steps");
        print_offsets!("trainer_event", Event, kind = "kind", state = "state", control = "control", values = "values");
        print_offsets!("trainer_host", Host, data = "data", log = "log", set_error = "set_error");
        print_offsets!("trainer_callback", Callback, data = "data", destroy = "destroy", get_extension = "get_extension",
            on_init_end = "on_init_end", on_train_begin = "on_train_begin", on_log = "on_log", on_push_begin = "on_push_begin");
        print_offsets!("trainer_note", Note<1>, abi_major = "abi_major", json_size = "json_size", reserved = "reserved");
        print_offsets!("trainer_plugin", Plugin, note = "note", create = "create", get_extension = "get_extension");
        println!("trainer_callback size {} align {}", size_of::<Callback>(), align_of::<Callback>());
        println!("trainer_value size {} align {}", size_of::<Value>(), align_of::<Value>());
        println!("trainer_plugin size {} align {}", size_of::<Plugin>(), align_of::<Plugin>());
    }
}
