"""The sentences of the scan page and of the page for setting up scanners. {name} is filled in by their scripts."""

from __future__ import annotations

from functools import cache

from errors import N_
from i18n import in_each, translated

#: Of the scan page.
WORDS: dict[str, str] = {
    "scan": N_("Scan"),
    "back": N_("Back"),
    "menu": N_("Menu"),
    "dispatch": N_("Dispatch"),
    "dispatch_help": N_("Boxes leave with a shipment"),
    "return": N_("Return"),
    "return_help": N_("Boxes come home"),
    "receive": N_("Receive"),
    "receive_help": N_("Boxes arrive here, from wherever"),
    "stock_take": N_("Stock count"),
    "stock_take_help": N_("What stands at this place"),
    "inspect": N_("Check"),
    "inspect_help": N_("Good, or damaged with a photo"),
    "transfer": N_("Transfer"),
    "transfer_help": N_("To another of our places"),
    "where": N_("Where are you?"),
    "choose_the_place": N_("Choose the place"),
    "no_place": N_("There is no place yet."),
    "enter_place": N_("Enter the place where boxes are scanned"),
    "elsewhere": N_("Begun on other devices"),
    "resume": N_("Go on"),
    "since_long": N_("open for more than 12 hours: go on, and finish it"),
    "no_type": N_("Type not known"),
    "ask_dispatch": N_("Scan the QR code on the packing list"),
    "ask_return": N_("Who brings the boxes?"),
    "ask_stock_take": N_("Count everything that stands here"),
    "ask_transfer": N_("Where do the boxes go?"),
    "or_number": N_("or type its number"),
    "shipment_number": N_("Number of the shipment"),
    "take_up": N_("Take up"),
    "blind": N_("Count blind"),
    "blind_help": N_("What is expected is shown only at the end"),
    "open_shipments": N_("Open shipments"),
    "no_open_shipment": N_("No shipment is open."),
    "from_whom": N_("From whom"),
    "from_anybody": N_("From anybody"),
    "from_anybody_help": N_("Boxes of several partners, or nobody knows"),
    "out": N_("{count} out"),
    "where_to": N_("To which place"),
    "no_other_place": N_("There is no other place of ours."),
    "begin_count": N_("Begin to count"),
    "choose_first": N_("Choose first, then scan the boxes."),
    "ready": N_("Ready"),
    "ready_text": N_("Scan the first box"),
    "sending": N_("Read"),
    "kept": N_("Kept"),
    "kept_text": N_("No connection: the scan is kept here and will be sent."),
    "ok": N_("Taken"),
    "ok_return": N_("Home"),
    "known": N_("Already in the list"),
    "warn": N_("Taken, but look"),
    "ask": N_("Please decide"),
    "bad": N_("Refused"),
    "void": N_("Undone"),
    "undone": N_("undone"),
    "undo": N_("Undo"),
    "yes": N_("Yes"),
    "no": N_("No"),
    "go_on": N_("Go on"),
    "any_key": N_("any key"),
    "dealt_with": N_("Dealt with"),
    "more": N_("{count} more to look at"),
    "meanwhile": N_("Since then: {code}, {word}"),
    "of": N_("{count} of {expected}"),
    "counted": N_("{count} scanned"),
    "of_which_unsent": N_("{count} not sent"),
    "not_sent": N_("not sent"),
    "show_list": N_("Show the list"),
    "last_scans": N_("Last scans"),
    "type_code": N_("Type a code"),
    "finish": N_("Finish"),
    "missing": N_("{count} missing"),
    "too_many": N_("{count} too many"),
    "complete": N_("complete"),
    "missing_codes": N_("Missing"),
    "surplus_codes": N_("Too many"),
    "scanned_codes": N_("Scanned"),
    "hand_over": N_("Hand over to another device"),
    "hand_over_help": N_("It finds this work on its start page as #{number}"),
    "hand_over_note": N_("Open the scan page on the other device, choose the same place and take over #{number}."),
    "taken": N_("#{number} goes on on another device."),
    "mark_good": N_("Good"),
    "mark_damaged": N_("Damaged"),
    "damage_reason": N_("What is damaged?"),
    "damage_broken": N_("Broken"),
    "damage_cracked": N_("Cracked"),
    "damage_parts": N_("Parts are missing"),
    "damage_dirty": N_("Cannot be cleaned"),
    "damage_other": N_("Another damage"),
    "photo_take": N_("Photo of the damage: {code}"),
    "photo_kept": N_("The photo is kept."),
    "photo_failed": N_("This picture could not be read. Take another one."),
    "camera": N_("Camera"),
    "camera_off": N_("Close camera"),
    "torch": N_("Light"),
    "zoom": N_("{times}×"),
    "which_camera": N_("Which camera"),
    "which": N_("Several codes are in view. Which one?"),
    "camera_forbidden": N_(
        "The camera is not allowed. Allow it for this page in the settings of the browser, or type the code."
    ),
    "camera_none": N_("This device has no camera."),
    "camera_insecure": N_("The browser gives the camera only to pages with https."),
    "camera_failed": N_("The camera cannot be started. Is another app using it?"),
    "finished_by": N_("Your name"),
    "or_sign": N_("or sign"),
    "signature": N_("Field for a signature"),
    "clear_signature": N_("Clear the signature"),
    "difference_reason": N_("Why is it not as expected?"),
    "close_session": N_("Finish and hand in"),
    "name_needed": N_("Enter a name or sign."),
    "reason_needed": N_("Say why it is not as expected."),
    "to_shipment": N_("To the shipment and its papers"),
    "scan_on": N_("Scan on"),
    "something_else": N_("Something else"),
    "unsent_finish": N_("{count} scans are not sent yet. They go out by themselves."),
    "refused_scans": N_("{count} scans were refused"),
    "warnings": N_("Warnings: {count}"),
    "nothing": N_("Nothing scanned"),
    "differs": N_("Not as expected"),
    "finished": N_("Finished"),
    "finished_kept": N_("Finished; kept here until there is a connection"),
    "choose_mode": N_("Choose first what you do here."),
    "choose_place": N_("Choose first where you are."),
    "loading": N_("The lists of {place} are on their way …"),
    "no_lists": N_(
        "The lists of {place} are not on this device. A count needs them: go where there is a network first."
    ),
    "not_a_shipment": N_("This is not the code of a shipment. Scan the QR code on the packing list."),
    "a_shipment": N_("This is the code of a shipment, not of a box."),
    "no_shipment": N_("There is no shipment {number}."),
    "no_connection": N_("No connection. Choose from the list."),
    "failed": N_("The server could not take this scan. Please tell the administrator."),
    "storage_full": N_("This device can keep no more scans: this one was NOT taken. Send what is kept, or make room."),
    "storage_denied": N_(
        "This browser lets the page keep nothing, so no scan would be safe. Leave private mode, or allow "
        "storage for this page."
    ),
    "sign_in": N_("Please sign in again. {count} scans are kept here and will be sent afterwards."),
    "sign_in_first": N_("Please sign in."),
    "sign_in_link": N_("Sign in"),
    "sign_in_help": N_("Sign in again; everything is kept and goes out afterwards."),
    "password": N_("Choose a password of your own first; the scans are kept here."),
    "norights": N_(
        "You have no right to scan. What was scanned is kept here; sign in as somebody who may, or ask for it."
    ),
    "password_link": N_("Choose a password"),
    "revoked": N_(
        "This device may no longer send. Its scans are kept here: save them as a file and give it to the office."
    ),
    "status": N_("Sent and unsent"),
    "all_sent": N_("All sent"),
    "all_sent_help": N_("Nothing waits on this device."),
    "badge_unsent": N_("{count} unsent"),
    "badge_sending": N_("{count} on the way"),
    "badge_refused": N_("{count} refused"),
    "unsent_since": N_("{count} unsent since {since}"),
    "refused_help": N_("The server did not take these scans. Look at each box, then press the button on its card."),
    "sending_help": N_("Wait a moment; you can scan on."),
    "offline_help": N_("There is no connection. Scan on: everything is kept here and goes out by itself."),
    "busy_help": N_("The server cannot take scans at the moment. Scan on: they go out by themselves."),
    "old_help": N_(
        "These scans wait for more than four hours. Go to a place with Wi-Fi and keep this page open, or save"
        " them as a file for the office."
    ),
    "send_now": N_("Send now"),
    "export": N_("Save unsent scans as a file"),
    "export_help": N_("They stay here too; the office can read the file"),
    "language": N_("Language"),
    "device_name": N_("Name of this device"),
    "register": N_("Register"),
    "device_help": N_("With a name of its own this device goes on sending when nobody is signed in."),
    "device_registered": N_("This device is registered. It sends its scans also when nobody is signed in."),
    "no_connection_device": N_("No connection. Register the device when there is one."),
    "install": N_("Put on the home screen"),
    "install_help": N_("Then the browser never clears what is kept here"),
    "update": N_("Take the new version now"),
    "keys": N_("Keys of the handheld"),
    "keys_help": N_("Give the keys of the handheld these functions in its settings. A scanner needs none of them."),
    "scanner_setup": N_("Set up a scanner"),
    "other_pages": N_("To the other pages"),
    "version": N_("Version {version}"),
}

#: What a damage may be by the scan page, which sends the code; static/scan/app.js offers the same.
DAMAGES = ("damage_broken", "damage_cracked", "damage_parts", "damage_dirty", "damage_other")


def reason_words(kind: str, reason: str) -> str:
    """The reason of an event of this kind for who reads it.

    A damage that was chosen on the scan page is said in the reader's language; what somebody typed stays as it is.
    """
    found = _damages().get(reason) if kind == "damage" else None
    return translated(WORDS[found]) if found else reason


@cache
def _damages() -> dict[str, str]:
    """code → itself, and the words for it in each language: earlier pages, some still on devices, send those."""
    return {said: code for code in DAMAGES for said in (code, *in_each(WORDS[code]).values())}


#: What the function keys do; which key is which stands in static/scan/app.js.
KEYS: dict[str, str] = {
    "key_help": N_("These keys"),
    "key_undo": N_("Undo the last scan"),
    "key_list": N_("Missing, too many, all scans"),
    "key_finish": N_("Finish"),
    "key_torch": N_("Light"),
    "key_camera": N_("Camera on and off"),
    "key_next": N_("Next: the red or amber card has been seen"),
    "key_send": N_("Send now"),
    "key_back": N_("Back"),
}

#: Of the page for setting up scanners.
SETUP: dict[str, str] = {
    "waiting": N_("Scan the two codes with the scanner that you want to try."),
    "right": N_("All right: this scanner can be used."),
    "second": N_("Now scan the second code."),
    "other": N_("This is another code. Scan one of the two on this page."),
    "prefix_ok": N_("Nothing is put before the code"),
    "prefix_some": N_("“{text}” is put before the code: switch the prefix off; the AIM identifier may stay"),
    "suffix_ok": N_("{key} ends a scan"),
    "suffix_none": N_("Nothing ends a scan: it works, but set the suffix to Enter (CR) for fast work"),
    "suffix_some": N_("“{text}” is put behind the code: switch the suffix off, or set it to Enter (CR)"),
    "case_ok": N_("Capitals and small letters arrive as they are"),
    "case_swapped": N_("Capitals and small letters are changed: switch Caps Lock and case conversion off"),
    "layout_ok": N_("All signs arrive as they are"),
    "layout_bad": N_(
        "Signs arrive changed (“{text}”): set the keyboard language of the scanner to that of this device, mostly US"
    ),
    "width_bad": N_("Full-width characters come from an input method: switch it off for the scanner"),
    "double_bad": N_("The code arrives twice: switch one of the two outputs off (keystrokes or intent)"),
    "separator_ok": N_("The GS1 separator arrives"),
    "separator_shown": N_("The GS1 separator arrives as “{text}”, which is understood"),
    "separator_gone": N_(
        "The GS1 separator is lost: our own labels need none; for mixed labels set a replacement such as <GS>"
    ),
    "speed_ok": N_("{pace} ms a key"),
    "speed_slow": N_("{pace} ms a key is as slow as a person: shorten the delay between the characters"),
}
