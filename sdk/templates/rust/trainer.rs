// SPDX-License-Identifier: Apache-2.0
//! LibTrainer's contract for plugins (plugin_api/include/trainer) for callbacks in safe Rust: a type that implements
//! `TrainerCallback`, and one line of `plugin!`. What a callback rarely needs is left out; `raw` is the place for more of it.
#![allow(dead_code)]

use std::panic::{catch_unwind, AssertUnwindSafe};

/// What a callback's functions return: an error's text is the sentence of the run's error, or warning.
pub type Outcome = Result<(), String>;

/// A callback. Only the events that `plugin!` lists are called, all on the trainer's thread; a panic becomes an error.
pub trait TrainerCallback: Sized {
    fn new(host: Host) -> Result<Self, String>;
    fn on_init_end(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_train_begin(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_train_end(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_epoch_begin(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_epoch_end(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_step_begin(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_pre_optimizer_step(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_optimizer_step(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_substep_end(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_step_end(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_evaluate(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_predict(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_save(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_log(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_prediction_step(&mut self, _: &mut Event) -> Outcome { Ok(()) }
    fn on_push_begin(&mut self, _: &mut Event) -> Outcome { Ok(()) }
}

/// `plugin!(Type, [on_log, on_train_end], r#"{"id": "mine", "version": "0.1.0"}"#);` once in a library: the type, the
/// events that it gets, and the rest of the note, as plugin.h describes it. This file is the module `trainer` of the crate.
#[macro_export]
macro_rules! plugin {
    ($type:ty, [$($event:ident),+ $(,)?], $note:expr) => {
        const TRAINER_EVENTS: &str = concat!($(", \"", stringify!($event), "\""),+);
        const TRAINER_NOTE_SIZE: usize = $crate::trainer::note_size($note, TRAINER_EVENTS);

        #[used]
        #[cfg_attr(windows, link_section = ".trainer")]
        #[cfg_attr(not(windows), link_section = ".trainer_note")]
        static TRAINER_NOTE: $crate::trainer::raw::Note<TRAINER_NOTE_SIZE> =
            $crate::trainer::raw::Note::new($crate::trainer::note_json($note, TRAINER_EVENTS));

        extern "C" fn trainer_create(
            host: *const $crate::trainer::raw::Host,
            out: *mut *mut $crate::trainer::raw::Callback,
        ) -> i32 {
            let mut slots = $crate::trainer::raw::Callback::EMPTY;
            $(slots.$event = Some($crate::trainer::slots::$event::<$type>);)+
            unsafe { $crate::trainer::create::<$type>(host, out, slots) }
        }

        static TRAINER_PLUGIN: $crate::trainer::raw::Plugin =
            $crate::trainer::raw::Plugin::new(&TRAINER_NOTE, trainer_create);

        #[no_mangle]
        pub extern "C" fn trainer_plugin_entry() -> *const $crate::trainer::raw::Plugin {
            &TRAINER_PLUGIN
        }
    };
}

/// A value of the configuration, of the arguments, of the logs or the metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    /// A list or an object, as JSON.
    Json(String),
}

impl Value {
    /// Of an integer and a number.
    pub fn as_number(&self) -> Option<f64> {
        match *self {
            Value::Integer(value) => Some(value as f64),
            Value::Number(value) => Some(value),
            _ => None,
        }
    }
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn from(value: &raw::Value) -> Value {
        let text = || unsafe { value.text.to_string() };
        match value.kind {
            raw::BOOLEAN => Value::Boolean(value.integer != 0),
            raw::INTEGER => Value::Integer(value.integer),
            raw::NUMBER => Value::Number(value.number),
            raw::STRING => Value::Text(text()),
            raw::JSON => Value::Json(text()),
            _ => Value::Null,
        }
    }

    // Borrows the text.
    fn as_raw(&self) -> raw::Value {
        let mut out = raw::Value::EMPTY;
        match self {
            Value::Null => {}
            Value::Boolean(value) => { out.kind = raw::BOOLEAN; out.integer = *value as i64 }
            Value::Integer(value) => { out.kind = raw::INTEGER; out.integer = *value }
            Value::Number(value) => { out.kind = raw::NUMBER; out.number = *value }
            Value::Text(text) => { out.kind = raw::STRING; out.text = raw::Text::of(text) }
            Value::Json(text) => { out.kind = raw::JSON; out.text = raw::Text::of(text) }
        }
        out
    }
}

/// The run's side: may be kept as long as the callback lives.
#[derive(Clone, Copy)]
pub struct Host(*const raw::Host);

impl Host {
    /// Lines for the run's log, which puts the plugin's name before them.
    pub fn info(&self, line: &str) { self.log(raw::INFO, line) }
    pub fn warning(&self, line: &str) { self.log(raw::WARNING, line) }

    /// A key of this callback's configuration, checked against the note's "config" and with its default.
    pub fn config(&self, key: &str) -> Option<Value> { self.ask(unsafe { (*self.0).config }, key) }

    /// A training argument by transformers' name, such as "learning_rate".
    pub fn argument(&self, name: &str) -> Option<Value> { self.ask(unsafe { (*self.0).argument }, name) }

    fn ask(&self, function: raw::Ask, key: &str) -> Option<Value> {
        let mut value = raw::Value::EMPTY;
        let status = function(self.0, key.as_ptr() as *const _, key.len() as u64, &mut value);
        if status == raw::OK { Some(Value::from(&value)) } else { None }
    }
    fn log(&self, level: u32, text: &str) {
        unsafe { ((*self.0).log)(self.0, level, text.as_ptr() as *const _, text.len() as u64) }
    }
    fn set_error(&self, text: &str) {
        unsafe { ((*self.0).set_error)(self.0, text.as_ptr() as *const _, text.len() as u64) }
    }
}

/// What an event brings, as long as it lasts.
pub struct Event<'a>(&'a raw::Event);

impl Event<'_> {
    pub fn state(&self) -> &raw::State { unsafe { &*self.0.state } }

    /// Flags, 0 or 1, that may be changed.
    pub fn control(&mut self) -> &mut raw::Control { unsafe { &mut *self.0.control } }

    /// The logs of on_log, the metrics of on_evaluate and on_predict.
    pub fn values(&mut self) -> Option<Values<'_>> { unsafe { self.0.values.as_mut() }.map(Values) }
}

/// Logs or metrics, in order; the callbacks that follow see what is changed.
pub struct Values<'a>(&'a mut raw::Map);

impl Values<'_> {
    pub fn len(&self) -> u64 { (self.0.size)(self.0) }
    pub fn is_empty(&self) -> bool { self.len() == 0 }

    pub fn get(&self, key: &str) -> Option<Value> {
        let mut value = raw::Value::EMPTY;
        let status = (self.0.get)(self.0, key.as_ptr() as *const _, key.len() as u64, &mut value);
        if status == raw::OK { Some(Value::from(&value)) } else { None }
    }

    /// Entry `index`, with its key.
    pub fn at(&self, index: u64) -> Option<(String, Value)> {
        let (mut key, mut value) = (raw::Text::EMPTY, raw::Value::EMPTY);
        let status = (self.0.at)(self.0, index, &mut key, &mut value);
        if status == raw::OK { Some((unsafe { key.to_string() }, Value::from(&value))) } else { None }
    }

    /// Replaces a value in its place, or appends it.
    pub fn set(&mut self, key: &str, value: &Value) -> Outcome {
        let status = (self.0.set)(self.0, key.as_ptr() as *const _, key.len() as u64, &value.as_raw());
        if status == raw::OK { Ok(()) } else { Err(format!("\"{}\" cannot be set here", key)) }
    }

    /// Whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        (self.0.remove)(self.0, key.as_ptr() as *const _, key.len() as u64) == raw::OK
    }
}

/// The functions that the host calls.
pub mod slots {
    use super::{call, raw, TrainerCallback};
    macro_rules! slots {
        ($($event:ident)*) => {
            $(pub extern "C" fn $event<T: TrainerCallback>(it: *mut raw::Callback, event: *const raw::Event) -> i32 {
                unsafe { call::<T>(it, event, T::$event) }
            })*
        };
    }
    slots! {
        on_init_end on_train_begin on_train_end on_epoch_begin on_epoch_end on_step_begin on_pre_optimizer_step
        on_optimizer_step on_substep_end on_step_end on_evaluate on_predict on_save on_log on_prediction_step
        on_push_begin
    }
}

#[repr(C)]
struct Instance<T> {
    callback: raw::Callback, // first, so that its address is the instance's
    host: Host,
    it: T,
}

unsafe fn call<T>(it: *mut raw::Callback, event: *const raw::Event, function: fn(&mut T, &mut Event) -> Outcome) -> i32 {
    let instance = &mut *(it as *mut Instance<T>);
    guarded(instance.host, || function(&mut instance.it, &mut Event(&*event)))
}

extern "C" fn destroy<T>(it: *mut raw::Callback) {
    let instance = unsafe { Box::from_raw(it as *mut Instance<T>) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
}

/// For `plugin!`: makes an instance, with pointers that the host gives.
///
/// # Safety
/// They are those of trainer_plugin's `create`.
pub unsafe fn create<T: TrainerCallback>(
    host: *const raw::Host,
    out: *mut *mut raw::Callback,
    mut callback: raw::Callback,
) -> i32 {
    let host = Host(host);
    guarded(host, || {
        callback.destroy = Some(destroy::<T>);
        let it = T::new(host)?;
        *out = Box::into_raw(Box::new(Instance { callback, host, it })) as *mut raw::Callback;
        Ok(())
    })
}

// No panic may cross the border: it becomes an error with its text.
fn guarded(host: Host, body: impl FnOnce() -> Outcome) -> i32 {
    let text = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return raw::OK,
        Ok(Err(text)) => text,
        Err(panic) => match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => format!("it panicked: {}", text),
            (_, Some(text)) => format!("it panicked: {}", text),
            _ => "it panicked".to_string(),
        },
    };
    host.set_error(&text);
    raw::ERROR
}

const BEFORE_EVENTS: &[u8] = b", \"events\": [";
const AFTER_EVENTS: &[u8] = b"]}";

// Where the last brace of a note is.
const fn end_of(note: &[u8]) -> usize {
    let mut end = note.len();
    while end > 0 {
        end -= 1;
        if note[end] == b'}' {
            return end;
        }
    }
    panic!("the note is no JSON object")
}

/// For `plugin!`: the note with the events as its last key; `events` begins with a comma and a space.
pub const fn note_size(note: &str, events: &str) -> usize {
    end_of(note.as_bytes()) + BEFORE_EVENTS.len() + events.len() - 2 + AFTER_EVENTS.len()
}
pub const fn note_json<const SIZE: usize>(note: &str, events: &str) -> [u8; SIZE] {
    let mut out = [0; SIZE];
    let mut at = 0;
    let parts = [(note.as_bytes(), 0, end_of(note.as_bytes())), (BEFORE_EVENTS, 0, BEFORE_EVENTS.len()),
        (events.as_bytes(), 2, events.len()), (AFTER_EVENTS, 0, AFTER_EVENTS.len())];
    let mut part = 0;
    while part < parts.len() {
        let (bytes, mut from, to) = parts[part];
        while from < to {
            out[at] = bytes[from];
            at += 1;
            from += 1;
        }
        part += 1;
    }
    out
}

/// The C structs. What follows a last field here may be left out, as each struct says its size; `Callback` and `Plugin`,
/// which are made here, are complete.
pub mod raw {
    use std::os::raw::{c_char, c_void};

    pub const OK: i32 = 0;
    pub const ERROR: i32 = 1;
    pub const BOOLEAN: u32 = 1;
    pub const INTEGER: u32 = 2;
    pub const NUMBER: u32 = 3;
    pub const STRING: u32 = 4;
    pub const JSON: u32 = 5;
    pub const INFO: u32 = 2;
    pub const WARNING: u32 = 3;

    pub const ABI_MAJOR: u32 = 1;
    pub const ABI_MINOR: u32 = 1;
    /// The minor that a plugin needs: these structs are all of 1.0. Raise it with the first field that came later.
    pub const PLUGIN_MINOR: u32 = 0;
    const PLUGIN_MAGIC: u32 = 0x4E52_5254;

    /// UTF-8, not terminated by zero; borrowed.
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct Text {
        pub data: *const c_char,
        pub size: u64,
    }

    impl Text {
        pub const EMPTY: Text = Text { data: std::ptr::null(), size: 0 };
        pub fn of(text: &str) -> Text { Text { data: text.as_ptr() as *const c_char, size: text.len() as u64 } }
        /// # Safety
        /// What it borrows must still be there.
        pub unsafe fn to_string(self) -> String {
            if self.size == 0 {
                return String::new();
            }
            String::from_utf8_lossy(std::slice::from_raw_parts(self.data as *const u8, self.size as usize)).into_owned()
        }
    }

    #[repr(C)]
    pub struct Value {
        pub struct_size: u32,
        pub kind: u32,
        pub integer: i64,
        pub number: f64,
        pub text: Text,
    }

    impl Value {
        pub const EMPTY: Value =
            Value { struct_size: std::mem::size_of::<Value>() as u32, kind: 0, integer: 0, number: 0.0, text: Text::EMPTY };
    }

    #[repr(C)]
    pub struct Map {
        pub struct_size: u32,
        pub reserved: u32,
        pub data: *mut c_void,
        pub size: extern "C" fn(*const Map) -> u64,
        pub at: extern "C" fn(*const Map, u64, *mut Text, *mut Value) -> i32,
        pub get: extern "C" fn(*const Map, *const c_char, u64, *mut Value) -> i32,
        pub set: extern "C" fn(*mut Map, *const c_char, u64, *const Value) -> i32,
        pub remove: extern "C" fn(*mut Map, *const c_char, u64) -> i32,
    }

    #[repr(C)]
    pub struct State {
        pub struct_size: u32,
        pub present: u32,
        pub epoch: f64,
        pub global_step: i64,
        pub max_steps: i64,
        pub num_train_epochs: i64,
        pub train_batch_size: i64,
    }

    #[repr(C)]
    pub struct Control {
        pub struct_size: u32,
        pub reserved: u32,
        pub should_training_stop: u32,
        pub should_epoch_stop: u32,
        pub should_save: u32,
        pub should_evaluate: u32,
        pub should_log: u32,
    }

    #[repr(C)]
    pub struct Event {
        pub struct_size: u32,
        pub kind: u32,
        pub state: *const State,
        pub control: *mut Control,
        pub values: *mut Map,
    }

    pub type Ask = extern "C" fn(*const Host, *const c_char, u64, *mut Value) -> i32;

    #[repr(C)]
    pub struct Host {
        pub struct_size: u32,
        pub abi_major: u32,
        pub abi_minor: u32,
        pub reserved: u32,
        pub data: *mut c_void,
        pub log: extern "C" fn(*const Host, u32, *const c_char, u64),
        pub set_error: extern "C" fn(*const Host, *const c_char, u64),
        pub config_json: extern "C" fn(*const Host, *mut Text),
        pub config: Ask,
        pub argument: Ask,
    }

    pub type Slot = Option<extern "C" fn(*mut Callback, *const Event) -> i32>;

    /// None is an event that is not subscribed.
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

    /// What stands in the note's section, which the host reads before it loads anything: this, then the JSON.
    #[repr(C, align(8))]
    pub struct Note<const SIZE: usize> {
        pub magic: [u8; 16],
        pub abi_major: u32,
        pub abi_minor: u32,
        pub json_size: u32,
        pub reserved: u32,
        pub json: [u8; SIZE],
    }

    impl<const SIZE: usize> Note<SIZE> {
        pub const fn new(json: [u8; SIZE]) -> Self {
            let (abi_major, abi_minor) = (ABI_MAJOR, PLUGIN_MINOR);
            Note { magic: *b"LibTrainer note\0", abi_major, abi_minor, json_size: SIZE as u32, reserved: 0, json }
        }
    }

    pub type Create = extern "C" fn(*const Host, *mut *mut Callback) -> i32;

    #[repr(C)]
    pub struct Plugin {
        pub magic: u32,
        pub struct_size: u32,
        pub abi_major: u32,
        pub abi_minor: u32,
        pub note: *const c_void,
        pub create: Create,
        pub get_extension: Option<extern "C" fn(*const c_char) -> *const c_void>,
    }

    unsafe impl Sync for Plugin {} // only pointers to what never changes

    impl Plugin {
        pub const fn new<const SIZE: usize>(note: &'static Note<SIZE>, create: Create) -> Plugin {
            Plugin {
                magic: PLUGIN_MAGIC, struct_size: std::mem::size_of::<Plugin>() as u32, abi_major: ABI_MAJOR,
                abi_minor: PLUGIN_MINOR, note: note as *const Note<SIZE> as *const c_void, create, get_extension: None,
            }
        }
    }
}
