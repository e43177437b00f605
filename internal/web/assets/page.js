// What both pages need: local times, and the state of the live connection.
"use strict";
(() => {
	const day = new Intl.DateTimeFormat("en-CA", {year: "numeric", month: "2-digit", day: "2-digit"});
	const time = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});

	// Times come in UTC. They are shown in the reader's time zone, with the date if it isn't today.
	const localize = (root) => {
		const today = day.format(new Date());
		for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
			const at = new Date(element.dateTime);
			if (Number.isNaN(at.getTime())) continue;
			const date = day.format(at);
			element.textContent = (date === today ? "" : date + " ") + time.format(at);
			element.dataset.local = "";
		}
	};

	// Countries come as ISO codes.
	const names = new Intl.DisplayNames(["en"], {type: "region", fallback: "none"});
	const nameOf = (code) => {
		try {
			return names.of(code) || "";
		} catch (error) {
			return "";
		}
	};
	const name = (root) => {
		for (const element of root.querySelectorAll("[data-country]")) element.title = nameOf(element.dataset.country);
		for (const element of root.querySelectorAll("[data-country-name]")) element.textContent = nameOf(element.dataset.countryName);
	};
	const finish = () => {
		localize(document);
		name(document);
	};

	const live = (text, good) => {
		for (const element of document.querySelectorAll("[data-live]")) {
			if (element.textContent === text) continue;
			element.textContent = text;
			element.classList.toggle("on", good);
		}
	};

	document.addEventListener("DOMContentLoaded", finish);

	// A list doesn't move while somebody points at it, or has selected a part of it.
	let movedAt = 0;
	document.addEventListener("pointermove", () => { movedAt = Date.now(); }, {passive: true});
	const reading = (target) => {
		const list = target.querySelector("[data-steady]");
		const selection = window.getSelection();
		return list && (Date.now() - movedAt < 2000 && list.matches(":hover") || selection && !selection.isCollapsed && list.contains(selection.anchorNode));
	};
	document.addEventListener("htmx:beforeRequest", (event) => {
		const cause = event.detail.requestConfig.triggeringEvent;
		if (cause && cause.type === "sse:changed" && reading(event.detail.target)) event.preventDefault();
	});

	// What has not changed is not replaced: the reader's selection stays.
	const last = new WeakMap();
	document.addEventListener("htmx:beforeSwap", (event) => {
		const cause = event.detail.requestConfig.triggeringEvent;
		if (cause && cause.type === "sse:changed") {
			if (last.get(event.detail.target) === event.detail.serverResponse) event.detail.shouldSwap = false;
			last.set(event.detail.target, event.detail.serverResponse);
		}
		if (event.detail.xhr.status >= 400 && event.detail.xhr.status < 500) event.detail.shouldSwap = true;
	});
	document.addEventListener("htmx:afterSwap", finish);
	document.addEventListener("htmx:sseOpen", () => live("live", true));
	document.addEventListener("htmx:sseError", () => live("reconnecting", false));
})();
