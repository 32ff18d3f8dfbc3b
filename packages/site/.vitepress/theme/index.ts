/** VitePress's own theme, with a few rules more. */
import theme from 'vitepress/theme'
import './style.js'

export default theme
