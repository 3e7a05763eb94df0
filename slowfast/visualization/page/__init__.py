"""What all pages share: one HTML file with style, scripts and data, which loads no other page.

render     joins the parts of a page to a file
page.html  the frame;  base.css  the look
dom.js     elements, formats, the read-out, the theme;  tables.js  tables that can be sorted
"""
