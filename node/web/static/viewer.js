"use strict";
// A document on its way: look again by itself; without JavaScript there is a link.
setTimeout(() => location.reload(), 1000);
