// Copying codes, by click and by keys.
"use strict";
(() => {
	const phones = () => Array.from(document.querySelectorAll(".phone"));
	const chosen = () => document.activeElement && document.activeElement.closest(".phone");

	// Only pages of this machine and those over TLS may use the clipboard's own interface.
	const write = async (text) => {
		if (navigator.clipboard && window.isSecureContext) {
			try {
				await navigator.clipboard.writeText(text);
				return true;
			} catch (error) {
				// The browser asks its user, who may say no.
			}
		}
		const field = document.createElement("textarea");
		field.value = text;
		field.className = "offscreen";
		const before = document.activeElement;
		document.body.append(field);
		field.select();
		const copied = document.execCommand("copy");
		field.remove();
		if (before) before.focus();
		return copied;
	};

	const copy = async (code) => {
		const copied = await write(code);
		document.getElementById("copied").textContent = copied ? "Copied " + code : "The browser did not let the page copy " + code;
	};

	document.addEventListener("click", (event) => {
		const button = event.target.closest("[data-copy]");
		if (button) copy(button.dataset.copy);
	});

	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
		const list = phones();
		const at = list.indexOf(chosen());
		if (event.key === "c" && list.length > 0) {
			copy(list[Math.max(at, 0)].dataset.code);
		} else if (event.key === "j" && at + 1 < list.length) {
			list[at + 1].focus();
		} else if (event.key === "k" && at > 0) {
			list[at - 1].focus();
		}
	});
})();
